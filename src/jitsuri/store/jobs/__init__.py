"""Jobs 仕事: what is to be done in the background, as rows: asked for, handed over, taken, done step by step, ended.

No job library is known here; whoever carries jobs to workers gives each delivery a number (decision 0032).
"""
