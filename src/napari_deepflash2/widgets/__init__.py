"""The docks of the viewer: collect inputs, start a job, show what comes back. No science in here."""
