"""What we know: the vocabulary, the journal, the ledger and what leads out of them. Imports none of the other rooms."""
