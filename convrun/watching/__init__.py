"""`--watch`: what an edit touches, and the rounds that run it. No code of the user runs here."""
