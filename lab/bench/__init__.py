"""`ngalam112 bench`: the line beside app_queue and the limit, on one Asterisk and load."""
