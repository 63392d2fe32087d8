SELECT
    f.finding,
    f.name,
    f.detail,
    f.remedy,
    f.may_be_overridden,
    f.is_overridden
FROM tenancy.contract_findings($1::interval, $2, $3::integer[]) AS f; -- noqa: CP03
