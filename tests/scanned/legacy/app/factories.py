class CustomerFactory(SQLAlchemyModelFactory):
    class Meta:
        model = Customer
CustomerFactory(no_show_count=2)  # FOUND no_show
from app.models import Customer
