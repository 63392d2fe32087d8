from app.models import Customer, CustomerShopProfile

class CustomerOut(BaseModel):
    average_spend_cents: int

def f(customer: Customer, profile: CustomerShopProfile):
    CustomerOut.model_validate(profile)
    return CustomerOut.model_validate(customer)  # FOUND average

def g(customer: Customer):
    return {"average_spend_cents": customer.average_spend_cents}  # FOUND average

def h(body: CustomerOut):
    return body.average_spend_cents


@router.get("/customers", response_model=list[CustomerOut])
async def i(session):
    return (await session.scalars(select(Customer))).all()  # FOUND average


@router.get("/profile", response_model=CustomerOut)
async def j(profile: CustomerShopProfile):
    return profile
