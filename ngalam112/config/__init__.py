"""Settings, data of the city, the rendered configuration, sounds, logs."""
