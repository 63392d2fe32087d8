class Customer(BaseModel):
    no_show_count: int
