interface Profile { no_show_count: number; preferred_stylist_id?: number }
