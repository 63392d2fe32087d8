import db
from db import Person

def f(person: Person, other: db.Person):
    person.misses += 1  # FOUND no_show
    person.favourite_id = None  # FOUND preferred
    print(person.figures, other.old_figures)  # FOUND statistics
    return db.Figures  # FOUND statistics
