"""What builds the documentation's site beside the pages in ``docs/``: pages made from the program itself."""
