"""What is heard: tones, prompts, gaps."""
