"""What operators dial: log in and out, pause, ready, longer wrap-up."""
