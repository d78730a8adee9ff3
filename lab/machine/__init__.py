"""The machine under a play: stalls, waiting, busy loops, its clock, what a failure leaves."""
