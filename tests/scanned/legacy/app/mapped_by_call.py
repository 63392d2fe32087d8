class Person:
    pass
people = Table("customers", metadata)
registry.map_imperatively(Person, people)
def f(person: Person):
    return person.average_spend_cents  # FOUND average
