"""What job boards share: queries in a board's own syntax, boards that are searched, boards that are downloaded and matched here."""
