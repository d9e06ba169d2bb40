"""Review 評価: colleagues judge pairs blind – which answer is better, is one gravely wrong – without seeing whose it is.

The room knows pairs, labels and who is looking at which pair until when; no prompts, no answers, no models.
"""
