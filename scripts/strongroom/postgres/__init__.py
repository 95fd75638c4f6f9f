"""PostgreSQL: where it is, and connections to it. The only place that speaks to the driver."""
