"""A second set of labelled Japanese texts, by another hand than the rules: written anew from templates whenever it is wanted."""
