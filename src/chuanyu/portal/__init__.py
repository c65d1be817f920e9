"""The pages behind four doors: resident, counter, agency, office. No rules here, and no writes but through actions."""
