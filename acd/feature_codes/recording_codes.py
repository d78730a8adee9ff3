"""What an operator hears who pauses the recording of a call, or lets it go on."""

from __future__ import annotations

PAUSED, GOES_ON, FAILED = "recording_paused", "recording_goes_on", "recording_failed"
PROMPTS = (PAUSED, GOES_ON, FAILED)
