import models, schemas
def f(a: models.Customer, b: schemas.Customer):
    return schemas.Customer(no_show_count=b.no_show_count)
def g(a: models.Customer, b: schemas.Customer):
    return schemas.Customer(no_show_count=a.no_show_count)  # FOUND no_show
