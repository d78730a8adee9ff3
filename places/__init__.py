"""Where a citizen is: reads what the network says, names it by the city's map, and decides."""
