"""Job boards, one module each."""
