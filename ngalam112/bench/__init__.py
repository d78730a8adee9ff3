"""`ngalam112 bench`: the line beside app_queue and beside the limit, on one Asterisk and one load."""
