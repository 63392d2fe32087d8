SELECT tenancy.command_for($1, $2);
