"""What lives as long as the process: prices and rates; budgets, the leases a worker holds on them, and their lessor."""
