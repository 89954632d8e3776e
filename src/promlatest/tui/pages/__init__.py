"""The pages of the dashboard: each puts rows of the model into widgets."""
