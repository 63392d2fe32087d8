SELECT
    now() AS taken_at,
    current_user::text AS role_name;
