polite = True
