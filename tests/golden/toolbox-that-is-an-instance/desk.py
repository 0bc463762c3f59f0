import convrun


class Box(convrun.Toolbox):
    def get(self) -> str:
        return ''


box = Box()
