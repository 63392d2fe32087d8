def f(customer, anything, profile, context: dict):
    print(customer.no_show_count)  # MAY no_show
    print(anything["average_spend_cents"])  # MAY average
    print(profile.no_show_count, profile["no_show_count"])
    print(context["average_spend_cents"])
    print(repo.load().preferred_stylist_id)  # MAY preferred
FIELDS = ("name", "no_show_count")  # MAY no_show
