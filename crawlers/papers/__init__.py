"""Papers of conferences: editions and their listings, text out of PDFs, kept texts, rules, and what is counted."""
