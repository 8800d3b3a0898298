"""From conversations to the report: messages, checks of HASHes and signatures, outcome, and answers to questions."""
