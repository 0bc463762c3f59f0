def log(tool, call, result):
    print(result)
