-- organizations.db: no table of its own; the accounts are in users.db (OrganizationStore).

PRAGMA journal_mode = WAL;
