using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Backup.Core.Postgres;

/// <summary>
/// What PostgreSQL stores instead of a password (RFC 5803, SCRAM-SHA-256). Made here, it lets ALTER ROLE set a password that no server log and no
/// statement view ever shows.
/// </summary>
public static class ScramVerifier
{
    /// <summary>PostgreSQL's own default.</summary>
    private const int Iterations = 4096;
    private const int SaltBytes = 16;
    private const int KeyBytes = 32;

    /// <summary><c>SCRAM-SHA-256$4096:salt$StoredKey:ServerKey</c> with a fresh salt.</summary>
    /// <exception cref="ArgumentException">The password has characters outside of printable ASCII, which servers would normalize first.</exception>
    public static string Of(string password) => Of(password, RandomNumberGenerator.GetBytes(SaltBytes), Iterations);

    public static string Of(string password, byte[] salt, int iterations)
    {
        ArgumentNullException.ThrowIfNull(password);
        if (password.Length == 0 || !password.All(c => c is >= ' ' and <= '~')) throw new ArgumentException("the password is not printable ASCII", nameof(password));
        var salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.ASCII.GetBytes(password), salt, iterations, HashAlgorithmName.SHA256, KeyBytes);
        var stored = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        var server = HMACSHA256.HashData(salted, "Server Key"u8);
        return string.Create(CultureInfo.InvariantCulture,
            $"SCRAM-SHA-256${iterations}:{Convert.ToBase64String(salt)}${Convert.ToBase64String(stored)}:{Convert.ToBase64String(server)}");
    }
}
