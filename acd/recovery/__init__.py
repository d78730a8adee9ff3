"""What has become of stored calls, by what lives in Asterisk, and how they go on."""
