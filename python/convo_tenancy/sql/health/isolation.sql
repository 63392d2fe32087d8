-- Whether isolation is on, with what keeps it from being so, or from being off.
SELECT
    i.state,
    f.kind,
    f.finding,
    f.name,
    f.detail,
    f.remedy,
    f.may_be_overridden
FROM tenancy.isolation AS i
LEFT JOIN tenancy.isolation_findings AS f ON NOT f.is_overridden
ORDER BY
    f.may_be_overridden,
    f.kind,
    f.name;
