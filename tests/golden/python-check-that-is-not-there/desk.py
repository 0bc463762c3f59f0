def is_polite(context):
    return True
