import pydantic


class City(pydantic.BaseModel):
    name: str
