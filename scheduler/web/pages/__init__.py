"""What people are shown: each module gives one page."""
