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

/// <summary>What storing a GiB costs per month, by S3's name of the class.</summary>
/// <param name="PerGib">US dollars, us-east-1, the first 50 TB. S3 counts GiB and calls them GB.</param>
public sealed record StoragePrice(string Class, decimal PerGib)
{
    public const string AsOf = "2026-11, us-east-1";

    private static readonly StoragePrice[] _all =
    [
        new("STANDARD", 0.023m),
        new("STANDARD_IA", 0.0125m),
        new("ONEZONE_IA", 0.01m),
        new("GLACIER_IR", 0.004m),
        new("GLACIER", 0.0036m),
        new("DEEP_ARCHIVE", 0.00099m),
    ];

    /// <summary>Null for classes whose price is not known.</summary>
    public static StoragePrice? Of(string storageClass) => Array.Find(_all, p => p.Class == storageClass);

    public decimal Monthly(long bytes) => bytes / (decimal)(1L << 30) * PerGib;
}
