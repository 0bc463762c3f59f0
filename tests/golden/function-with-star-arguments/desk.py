def upper(*texts):
    return [text.upper() for text in texts]
