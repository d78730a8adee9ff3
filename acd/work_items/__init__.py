"""Work that is no call: items that wait in the same queue and are offered to the same operators."""
