def upper(text
