"""`uptake demo`: a simulated world with a planted truth, and the real program that watches it for a year in about a minute.

`plan` says what is true, `world` and `servers` let it be asked for, `driving` lets the time pass, `verdict` holds what the
program wrote down against what was planted. Nothing here leaves this machine.
"""
