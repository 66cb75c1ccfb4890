"""What the product is measured against: the least that would do something of the kind."""
