using Backup.Core.Model;

namespace Backup.Core.Operations.Checking;

/// <summary>What reading a database out of its provider costs per month. List prices change: this is the one place, with its date.</summary>
/// <param name="FreeGib">Per month, shared with everything else that reads.</param>
/// <param name="PerGib">US dollars beyond that.</param>
public sealed record EgressPrice(Provider Provider, long FreeGib, decimal PerGib)
{
    public const string AsOf = "2026-03";

    private static readonly EgressPrice[] _all =
    [
        new(Provider.Neon, 100, 0.10m),
        new(Provider.Supabase, 250, 0.09m),
        new(Provider.Rds, 100, 0.09m), // out of its region; none inside of it
    ];

    /// <summary>Null for servers whose price is not known.</summary>
    public static EgressPrice? Of(Provider provider) => Array.Find(_all, p => p.Provider == provider);

    public decimal Monthly(double gib) => Math.Max(0, (decimal)gib - FreeGib) * PerGib;
}
