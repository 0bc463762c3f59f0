from pydantic import BaseModel


class Item(BaseModel):
    name: str
    price: float


class Order(BaseModel):
    id: str
    items: list[Item]
    paid: bool
