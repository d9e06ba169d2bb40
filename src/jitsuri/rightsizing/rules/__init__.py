"""What follows from outcomes: opportunities, verdicts, slices, cascades, the certificate's content. Pure."""
