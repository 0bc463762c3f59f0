UPPER = 'A'
