"""What follows in the ledger, value in, value out.

finding, pricing       a model's sheet; what an attempt cost, exactly
announcing, comparing  prices now, changes ahead, one book against another
repricing, converting  correcting lines for a new price or a new rate
spreading, taxing, forecasting
budgeting, lending      which budgets a call counts for; how workers draw on hard ones
"""
