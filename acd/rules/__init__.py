"""What the city decides as data, and what is left out when the line is late."""
